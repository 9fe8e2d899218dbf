"""The language model: its arithmetic, its training, its measures and the forms in which it leaves."""

import os

# How long OpenMP's threads wait for each other awake: read once, when torch is loaded, so it is set before
# anything here imports torch. Results stay the same. Asleep at once, a step of the default takes 1.4 times as
# long: waking a thread costs more than most waits. Awake for as long as libgomp likes, two programs side by
# side on two cores take 8 times as long as one after the other; like this, under twice.
os.environ["GOMP_SPINCOUNT"] = os.environ.get("GOMP_SPINCOUNT", "10000")
