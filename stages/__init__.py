"""The verbs of Gristmill: one thin recipe per DVC stage, `python -m stages.NAME`."""
