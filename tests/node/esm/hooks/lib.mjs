export default 'PLACE';
