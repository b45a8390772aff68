"""What was looked at, and what came of it. Counts, prints, decides nothing."""

results = {"passed": 0, "failed": 0, "skipped": 0}


def tell(outcome, name, why=""):
    results[outcome] += 1
    print(f"{outcome}: {name}" + (f": {why}" if why and outcome != "passed" else ""), flush=True)


def check(name, good, why=""):
    tell("passed" if good else "failed", name, why)
    return bool(good)


def skipped(name, why):
    tell("skipped", name, why)


def note(text):
    print(f"  {text}", flush=True)


def closing():
    print("stand-in machines: {passed} passed, {failed} failed, {skipped} skipped".format(**results), flush=True)
    return 1 if results["failed"] else 0
