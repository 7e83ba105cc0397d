export default 'self part';
