using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.OnnxRuntime;

namespace Sgl.Bench;

/// <summary>A file of results per target: what was measured, on what, with which command.</summary>
internal sealed class Report(BenchOptions options)
{
    private const string MachinePlace = "{machine}";

    private readonly StringBuilder _text = new();
    private readonly List<Figure> _figures = [];

    public void Begin(Subject subject)
    {
        _text.Clear();
        _figures.Clear();
        _text.Append("# Measured on ").Append(subject.Description).Append("\n\n");
        _text.Append("    ").Append(options.CommandLine.TrimEnd()).Append("\n\n");
        _text.Append(CultureInfo.InvariantCulture, $"{MachinePlace}. {options.Rounds} interleaved rounds after one that is not counted. Times are medians on the clock. A ratio is the median of the rounds' ratios of processor time (in brackets its range, and the same on the clock): other programs share the machine. Phases too short for that are compared by the clock.");
        _text.Append(options.Prepack ? " float32 weights repacked by the runtime.\n\n" : "\n\n");
    }

    public void Add(Section section)
    {
        _text.Append(section.Markdown()).Append('\n');
        _figures.AddRange(section.Figures);
    }

    public string Write(string target)
    {
        Directory.CreateDirectory(options.Out);
        var path = Path.Combine(options.Out, target + (options.Full ? "" : "-quick") + (options.Prepack ? "-prepack" : "") + (options.Weights == "auto" ? "" : "-" + options.Weights) + ".md");
        // Only now: asking the runtime for its version before an engine is there would create its environment with other threads.
        File.WriteAllText(path, _text.ToString().Replace(MachinePlace, Machine(), StringComparison.Ordinal).TrimEnd() + "\n");
        if (_figures.Count > 0)
        {
            Figure.Write(Path.ChangeExtension(path, ".json"), _figures);
        }

        return path;
    }

    private static string Machine()
    {
        var cpu = RuntimeInformation.ProcessArchitecture.ToString();
        var load = "";
        if (OperatingSystem.IsLinux())
        {
            cpu = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? cpu;
            load = $", load average {File.ReadAllText("/proc/loadavg").Split(' ')[0]} at the end";
        }

        return $"{cpu}, {Environment.ProcessorCount} cores{load}, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, ONNX Runtime {OrtEnv.Instance().GetVersionString()}";
    }
}
