/** This process's clock is behind that of the machine, by always the same time. */
const BEHIND = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** A clock that all processes of a machine share, and that nobody sets: in milliseconds. */
const machineTime = () => BEHIND + performance.now();

module.exports = { machineTime };
