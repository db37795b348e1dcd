/** The version in package.json, put in by the build. */
declare const KERNELSCOPE_VERSION: string;
