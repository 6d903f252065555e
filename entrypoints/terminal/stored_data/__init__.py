"""What commands print of the stored readings and of the ledger."""
