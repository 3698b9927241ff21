import {
  DataTypes, Model, type CreationOptional, type InferAttributes, type InferCreationAttributes, type Sequelize,
} from 'sequelize';

/** The models of the check-then-write design, over the tables `orm_…` of tables.sql. Amounts are credits, as decimal text. */

export class User extends Model<InferAttributes<User>, InferCreationAttributes<User>> {
  declare readonly id: string;
  declare readonly role: string;
  declare readonly isActive: boolean;
}

export class Balance extends Model<InferAttributes<Balance>, InferCreationAttributes<Balance>> {
  declare readonly id: CreationOptional<string>;
  declare readonly userId: string;
  declare readonly balance: string;
}

export class Session extends Model<InferAttributes<Session>, InferCreationAttributes<Session>> {
  declare readonly id: CreationOptional<string>;
  declare readonly sessionId: string;
  declare readonly userId: string;
  declare readonly allocated: string;
  declare readonly used: CreationOptional<string | null>;
  declare readonly status: 'active' | 'completed';
}

export class Transaction extends Model<InferAttributes<Transaction>, InferCreationAttributes<Transaction>> {
  declare readonly id: CreationOptional<string>;
  declare readonly userId: string;
  declare readonly sessionId: string;
  declare readonly type: 'hold' | 'settle';
  declare readonly amount: string;
  declare readonly balanceAfter: string;
}

// Of functions: Sequelize writes the name of the column into each.
const identity = () => ({ type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true });
const name = () => ({ type: DataTypes.TEXT, allowNull: false, validate: { notEmpty: true } });
const credits = () => ({ type: DataTypes.DECIMAL(18, 6), allowNull: false, validate: { isDecimal: true } });

/** Binds the models to a database. */
export function openModels(sequelize: Sequelize): void {
  const table = (tableName: string) => ({ sequelize, schema: 'baseline', tableName, underscored: true });
  User.init({
    id: { type: DataTypes.TEXT, primaryKey: true }, role: name(), isActive: { type: DataTypes.BOOLEAN, allowNull: false },
  }, { ...table('orm_users'), timestamps: false });
  Balance.init({
    id: identity(), userId: name(), balance: { ...credits(), validate: { isDecimal: true, min: 0 } },
  }, { ...table('orm_balances'), createdAt: false });
  Session.init({
    id: identity(), sessionId: name(), userId: name(), allocated: credits(), used: { ...credits(), allowNull: true },
    status: { ...name(), validate: { isIn: [['active', 'completed']] } },
  }, table('orm_sessions'));
  Transaction.init({
    id: identity(), userId: name(), sessionId: name(), type: { ...name(), validate: { isIn: [['hold', 'settle']] } }, amount: credits(),
    balanceAfter: credits(),
  }, { ...table('orm_transactions'), updatedAt: false });
}
