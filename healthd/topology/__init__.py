"""What hangs on what: sightings out of the tables of switches, links learnt from them."""
