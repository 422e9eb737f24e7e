"""`horay doctor`: finds out what keeps requests from succeeding, layer by layer from the key up."""

from horay_async.cli.doctor.command import doctor

__all__ = ["doctor"]
