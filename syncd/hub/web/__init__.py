"""The shape of requests and answers: addresses, bodies within bounds, problems as documents."""
