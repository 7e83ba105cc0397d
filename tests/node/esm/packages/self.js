export default 'self reference';
