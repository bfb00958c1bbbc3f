"""How people get in with a browser: by key or by single sign-on, with a cookie from then on."""
