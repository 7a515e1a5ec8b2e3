"""Mends what ends real py2p networks within minutes; see README.md. No octet of the wire format changes."""

# Sub flags and types of py2p's wire (facts of the protocol, not of the program).
WHISPER, HANDSHAKE, PEERS, REQUEST = 2, 5, 7, 8


class Whole:
    """Stands before a socket: writes all of what it is asked to send."""

    def __init__(self, sock):
        self._sock = sock

    def send(self, data):
        self._sock.sendall(data)
        return len(data)

    def __getattr__(self, name):
        return getattr(self._sock, name)


def repair(py2p):
    """Puts the repairs into the modules of py2p."""
    connection, node = py2p.base.BaseConnection, py2p.mesh.MeshSocket
    number_of = py2p.chord.b58decode_int
    construct, next_frame = connection.__init__, connection.found_terminator
    handle, drop = node.handle_msg, node.disconnect

    def constructed(self, sock, *rest, **named):
        construct(self, Whole(sock), *rest, **named)

    def framed(self, *rest):
        try:
            return next_frame(self, *rest)
        finally:
            if len(self.buffer) == 4 and not self.active:  # a whole length and none of its body
                self.active, self.expected = True, 4 + int.from_bytes(self.buffer, "big")

    def handled(self, message, conn):
        packets = message.packets
        if len(packets) == 2 and packets[0] == REQUEST and packets[1] == "*":
            conn.send(WHISPER, PEERS, self._get_peer_list())
            return True
        if len(packets) == 5 and packets[0] == HANDSHAKE and packets[2] == self.protocol.id:
            other = self.routing_table.get(packets[1])
            if other is not None and other is not conn:
                # Two connections with one peer: both sides keep the one that the larger id dialled.
                mine_is_larger = number_of(self.id) > number_of(packets[1])
                self.disconnect(other if mine_is_larger == bool(conn.outgoing) else conn)
                if mine_is_larger != bool(conn.outgoing):
                    return True
        return handle(self, message, conn)

    def dropped(self, conn):
        result = drop(self, conn)
        for identity, other in list(self.routing_table.items()):
            if other is conn:  # dialled by id, and gone before its handshake: py2p would poll it for ever
                self.routing_table.pop(identity, None)
        return result

    def forgotten(self):
        # A user's thread may send meanwhile, which adds to the set: in py2p that ends the connection of whoever spoke.
        old = [seen for seen in tuple(self.waterfalls) if seen[1] <= py2p.utils.getUTC() - 60]
        self.waterfalls.difference_update(old)

    connection.__init__, connection.found_terminator = constructed, framed
    node.handle_msg, node.disconnect = handled, dropped
    node._MeshSocket__clean_waterfalls = forgotten
