import * as vscode from "vscode";

/** The log channel "Kernelscope"; its level is the user's choice. */
export const createLog = (): vscode.LogOutputChannel => vscode.window.createOutputChannel("Kernelscope", { log: true });

/** The sentence of an error, for people. */
export const sentenceOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
