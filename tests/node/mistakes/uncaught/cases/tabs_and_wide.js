	/* é 漢字 😀 */	throw new Error('after wide characters 漢字');
