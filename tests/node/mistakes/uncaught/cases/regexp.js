try { new RegExp('(unclosed'); } catch (error) { console.log(error.message); }
try { new RegExp('a', 'gg'); } catch (error) { console.log(error.message); }
'x'.match(new RegExp('[z-a]'));
