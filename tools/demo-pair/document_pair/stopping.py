"""Training that is told to stop saves first."""
import signal


def asked_to_stop():
    """A function that says whether SIGTERM or SIGINT came since."""
    came = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: came.append(True))
    return lambda: bool(came)
