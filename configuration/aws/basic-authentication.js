// A CloudFront Function (runtime cloudfront-js-2.0) for the event "viewer request": lets a request
// pass that carries a user's name and password, and asks for them otherwise. Power BI keeps them as
// "Basic" credentials of the web source.
//
// It holds no password but, for each user, the SHA-256 of "NAME:PASSWORD". A short password can be
// guessed from that: make one of 20 random characters or more. The line for a user:
//   printf '%s' 'NAME:PASSWORD' | sha256sum
const crypto = require('crypto');

const USERS = [
  // '0123...cdef', // sales, until 2027-01
];

function handler(event) {
  const request = event.request;
  const header = request.headers.authorization;
  const found = header && /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(header.value);
  if (found) {
    const given = Buffer.from(found[1], 'base64');
    // Hashes are compared, so that the time it takes tells nothing about a password.
    const hash = crypto.createHash('sha256').update(given).digest('hex');
    if (USERS.indexOf(hash) !== -1) {
      delete request.headers.authorization; // the bucket must not see it
      return request;
    }
  }
  return {
    statusCode: 401,
    statusDescription: 'Unauthorized',
    headers: {
      'www-authenticate': { value: 'Basic realm="results", charset="UTF-8"' },
      'cache-control': { value: 'no-store' },
    },
  };
}
