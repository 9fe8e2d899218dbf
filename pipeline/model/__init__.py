"""The language model: its arithmetic, its training, its measures and the forms in which it leaves."""

import os

# OpenMP reads this once, when torch is loaded, so it is set before anything here imports torch: threads that
# wait for each other sleep instead of spinning. Results stay the same; two evaluations side by side on two
# busy cores scored 15,000 tokens in 4 s each, and in 77 s when they spun.
os.environ["OMP_WAIT_POLICY"] = os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
