export class ValidationError extends TypeError { #secret = 1; field = 'name'; }
throw new ValidationError('wrong field');
