using System.Globalization;
using System.Text;
using Sgl.Cli;

// Numbers are read and written the same on every machine: 0.7 is a threshold everywhere.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
return await CommandLine.RunAsync(args);
