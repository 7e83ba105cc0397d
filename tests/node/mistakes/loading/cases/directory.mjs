import './';
