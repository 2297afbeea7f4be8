SwaggerUIBundle({ url: "/openapi.json", dom_id: "#api-docs", deepLinking: false, validatorUrl: null });
