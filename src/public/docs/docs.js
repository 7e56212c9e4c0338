// Shows openapi.json in Swagger UI. `npm install` copies swagger-ui-bundle.js from its package.

SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', validatorUrl: null })
