"""How a connection opened and ended, in Zeek's terms (https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html).

Each end of a TCP connection has a state, which only its own packets and the other's FIN change; the pair of states is the
connection's ``conn_state``. Times are Zeek's defaults (base/init-bare.zeek), in nanoseconds.
"""

from __future__ import annotations

from falselight.readers.pcap.headers import ACK, FIN, RST, SYN, TCP, UDP

INACTIVE, SYN_SENT, SYN_ACK_SENT, PARTIAL, ESTABLISHED, CLOSED, RESET = range(7)
ORIGINATOR, RESPONDER = 0, 1
SECOND = 1_000_000_000
TCP_INACTIVITY, UDP_INACTIVITY, ICMP_INACTIVITY = 300 * SECOND, 60 * SECOND, 60 * SECOND
ATTEMPT_DELAY, CLOSE_DELAY, PARTIAL_CLOSE_DELAY, RESET_DELAY = 5 * SECOND, 5 * SECOND, 3 * SECOND, SECOND // 10
_SILENT = (INACTIVE, PARTIAL)
INACTIVITY = {TCP: TCP_INACTIVITY, UDP: UDP_INACTIVITY}
# Ports that servers listen on: a first packet from one of them, to a port that is none, comes from the responder.
LIKELY_SERVER_PORTS = {
    TCP: frozenset({
        21, 22, 25, 53, 80, 81, 88, 110, 135, 139, 143, 389, 443, 445, 465, 502, 563, 585, 587, 614, 631, 636, 853, 989,
        990, 992, 993, 995, 1080, 1883, 3128, 3268, 3306, 3389, 5060, 5061, 5432, 6379, 6666, 6667, 6668, 6669, 8000,
        8080, 8443, 8883, 8888, 20000,
    }),
    UDP: frozenset({53, 67, 88, 123, 137, 161, 162, 443, 514, 1812, 3478, 3544, 4789, 5060, 5353, 5355}),
}  # fmt: skip


class Ends:
    """The states of both ends. ``until`` is the time by which the connection has ended unless it is heard of before
    (None: by inactivity alone)."""

    __slots__ = ("_before", "originator", "responder", "until")

    def __init__(self) -> None:
        self.originator, self.responder = INACTIVE, INACTIVE
        self._before = INACTIVE, INACTIVE
        self.until: int | None = None

    def segment(self, flags: int, who: int, time: int) -> None:
        """One TCP segment, or several without SYN, FIN and RST."""
        states = [self.originator, self.responder]
        before = list(self._before)
        own, other = states[who], states[1 - who]
        if flags & RST:
            if not own == other == CLOSED:
                before[who], states[who] = own, RESET
        elif flags & SYN and own == INACTIVE:
            if flags & ACK and other == SYN_SENT:
                states[who] = states[1 - who] = ESTABLISHED
            else:
                states[who] = SYN_ACK_SENT if flags & ACK else SYN_SENT
        elif flags & FIN and own != RESET:
            states[who] = CLOSED
            # A FIN with a RST behind it is an ordinary end if the other end closes too.
            if other == RESET and before[1 - who] == CLOSED:
                states[1 - who] = CLOSED
        elif own == INACTIVE and not flags & SYN:
            states[who] = PARTIAL
        self.originator, self.responder = states
        self._before = before[0], before[1]
        self._limit(flags, time)

    def _limit(self, flags: int, time: int) -> None:
        own, other = self.originator, self.responder
        if RESET in (own, other):
            if flags & RST:
                self.until = time + RESET_DELAY
        elif own == other == CLOSED:
            if flags & (FIN | RST):
                self.until = time + CLOSE_DELAY
        elif own == SYN_SENT and other == INACTIVE:
            self.until = self.until if self.until is not None else time + ATTEMPT_DELAY
        elif (own == CLOSED and other in _SILENT) or (other == CLOSED and own in _SILENT):
            self.until = time + PARTIAL_CLOSE_DELAY
        else:
            self.until = None

    def over(self) -> bool:
        """Whether an end has closed or reset: a new SYN opens another connection."""
        return self.originator in (CLOSED, RESET) or self.responder in (CLOSED, RESET)

    def conn_state(self, payload: tuple[int, int]) -> str:
        """Zeek's letters for a TCP connection that carried so many bytes each way."""
        own, other = self.originator, self.responder
        if other == RESET:
            if own in (SYN_SENT, SYN_ACK_SENT) or (own == RESET and payload == (0, 0)):
                return "REJ"
            return "RSTRH" if own in _SILENT else "RSTR"
        if own == RESET:
            return "RSTOS0" if other in _SILENT else "RSTO"
        if own == other == CLOSED:
            return "SF"
        if own == CLOSED:
            return "SH" if other in _SILENT else "S2"
        if other == CLOSED:
            return "SHR" if own in _SILENT else "S3"
        if own == SYN_SENT and other == INACTIVE:
            return "S0"
        return "S1" if own == other == ESTABLISHED else "OTH"


def datagram_state(packets: tuple[int, int], protocol: int) -> str:
    """The letters for UDP, by who sent anything; for ICMP there are none but OTH."""
    if protocol != UDP:
        return "OTH"
    if packets[ORIGINATOR]:
        return "SF" if packets[RESPONDER] else "S0"
    return "SHR" if packets[RESPONDER] else "OTH"
