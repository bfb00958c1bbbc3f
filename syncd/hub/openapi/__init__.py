"""The OpenAPI document of a hub: made from one table of calls, which the router must agree with."""
