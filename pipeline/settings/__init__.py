"""The schema of `params.yaml`: one module per section, none of which imports anything heavy."""
