"""The edge towards the LMSs' own APIs: adapters that know neither the web nor the database."""
