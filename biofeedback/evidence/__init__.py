"""Evidence: same-pace pairs with sealed coins, and what the heart did in each epoch."""
