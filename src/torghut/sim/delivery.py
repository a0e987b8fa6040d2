"""What reaches the clients of what happened, and when: delays, disorder, duplicates and silence, on demand.

Pure: events and times go in, messages to deliver come out.
"""

from __future__ import annotations
