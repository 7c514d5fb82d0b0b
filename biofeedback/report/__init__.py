"""One HTML page about one session, complete in itself."""

from biofeedback.report.page import session_report, write_report

__all__ = ["session_report", "write_report"]
