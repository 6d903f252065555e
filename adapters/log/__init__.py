"""The bounded log, journals and what libraries log."""
