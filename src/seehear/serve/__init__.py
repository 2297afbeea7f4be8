"""The local server: models over HTTP, for the pages and for programs. `app.create_app` puts it together."""
