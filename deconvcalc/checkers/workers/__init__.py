"""What runs inside the processes of the frameworks, one module for each."""
