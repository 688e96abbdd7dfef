"""Facts to text: every form is made from the same facts."""
