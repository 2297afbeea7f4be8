SwaggerUIBundle({ url: "/openapi.json", dom_id: "#addresses", deepLinking: false, validatorUrl: null });
