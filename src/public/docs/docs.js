// Shows openapi.json. swagger-ui-bundle.js is copied from npm by `npm install`.

SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', validatorUrl: null })
