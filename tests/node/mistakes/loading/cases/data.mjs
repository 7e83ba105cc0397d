import 'data:text/javascript,throw new Error("from data")';
