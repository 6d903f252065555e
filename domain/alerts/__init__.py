"""Problems over time, and the messages about them."""
