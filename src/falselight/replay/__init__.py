"""A rule as Kibana runs it: exceptions and filters in the query, a schedule with a look-back, the cap on alerts, suppression, and
the alerts as Kibana writes them."""
