export default 'pattern x';
