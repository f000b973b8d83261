"""The prober side in processes of its own: shares of the fleet, what goes to and fro, who looks after them."""
