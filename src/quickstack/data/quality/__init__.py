"""Parse cells, check them against the contract, and quarantine what fails."""
