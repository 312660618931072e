using System.Globalization;
using Sgl.Traces;

// Draws the trace of one question that the small model does not answer for good, from the spans that a collector gets of three real processes:
//   dotnet run --project tools/Sgl.Traces -- docs/images/trace.svg
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is not [var output])
{
    Console.Error.WriteLine("usage: dotnet run --project tools/Sgl.Traces -- FILE.svg, from the repository's root");
    return 2;
}

using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
const string question = "What shape is black?";
var spans = await EscalatedQuestion.AskAsync("models", "samples/codes.png", "samples/shapes.jpg", question, limit.Token);
await File.WriteAllTextAsync(output, Waterfall.Draw(spans, $"\"{question}\": client, router, small and large model"), limit.Token);
Console.WriteLine($"{spans.Count} spans in {output}");
return 0;
