using System.Globalization;
using Sgl.LoadTest;

// Figures printed here must not depend on the machine's language.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
LoadOptions options;
try
{
    options = LoadOptions.Parse(args);
}
catch (UsageException e)
{
    Console.Error.WriteLine($"{e.Message}\n{LoadOptions.Usage}");
    return 2;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};
var report = new Report(options);
foreach (var scenario in options.Scenarios)
{
    Console.WriteLine($"== {scenario.Name}: {scenario.Summary}");
    var section = report.Begin(scenario);
    await scenario.RunAsync(options, section, stop.Token);
    Console.WriteLine(section.ToMarkdown());
}

Console.WriteLine($"written: {report.Write()}");
return report.Met ? 0 : 1;
