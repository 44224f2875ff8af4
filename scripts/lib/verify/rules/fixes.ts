/** What sets right whatever was changed by hand, or by an override. */
export const UP = 'bring the stack back to what deploy/docker-compose.prod.yml says: make prod-up';
