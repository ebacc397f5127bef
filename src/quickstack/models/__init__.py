"""From clean tables to a judged model: modeling, evaluation, monitoring, tuning."""
