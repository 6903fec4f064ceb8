"""What topic `commands` carries: everything that writes to the index goes to its one writer."""

import msgspec

from stream.errors import Reject


class Expire(msgspec.Struct, frozen=True, tag="expire"):
    """Drop what has had its time, in log, index and database."""

    @property
    def key(self) -> str:
        return "expire"


class Purge(msgspec.Struct, frozen=True, tag="purge"):
    """Take what the ledger erased out of every file of log and index."""

    @property
    def key(self) -> str:
        return "purge"


Command = Expire | Purge

_decoder = msgspec.json.Decoder(Command)


def encode_command(command: Command) -> bytes:
    return msgspec.json.encode(command)


def decode_command(data: bytes) -> Command:
    """The command in a record of topic `commands`; Reject when it is none."""
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise Reject(f"not a command: {error}") from error
