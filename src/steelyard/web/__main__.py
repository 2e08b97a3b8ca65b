"""`python -m steelyard.web [RUN]`: the dashboard as a child of `steelyard run --dashboard`.

The first line of stdout is the address. It ends with its parent (stdin is at its end), on SIGTERM and on SIGINT, without a word.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from steelyard.errors import SteelyardError
from steelyard.home import home
from steelyard.web.server import Addresses, serve


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # before the imports of the server, which take seconds
        signal.signal(number, lambda *_: sys.exit(0))
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        serve(home(), run=sys.argv[1] if len(sys.argv) > 1 else None, ready=announce)
    except SteelyardError as error:
        sys.exit("\n".join(filter(None, (str(error), error.next_step))))


def end_with_parent() -> None:
    """Wait for the end of stdin, which comes when the parent is gone, however it went."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def announce(addresses: Addresses) -> None:
    sys.stdout.write(f"{addresses.pages}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
