"""Real PyTorch and Keras layers, run in processes of their own, to hold the arithmetic against.

- `worker`: runs layers forward; a script that speaks JSON lines.
- `client`: starts the worker, and starts it again when a framework takes it down.
- `drawing`: seeded draws of arguments, and calls made of them.
- `configurations`: the layers, and for each a stream of distinct calls, good and bad.
- `comparison`: what the two sides say of each call, and the ledger of known disagreements.
"""
