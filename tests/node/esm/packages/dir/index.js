export default 'never by import';
