using System.CommandLine;
using Sgl.Cli.Internal;
using Sgl.Inference;
using Sgl.Models;
using Sgl.Verification;

namespace Sgl.Cli.Commands;

/// <summary><c>sgl verify</c>: the real engine against golden values.</summary>
internal static class VerifyCommand
{
    public static Command Create(Terminal terminal)
    {
        var folder = new Argument<string>("folder") { Description = "Folder with checkpoints/ and cases/ in the golden format.", HelpName = "DIR" };
        var placement = new Option<string>("--placement", "--device")
        {
            Description = "Devices: cpu, cuda:0, cpu*3 (equal shares on three, or one a layer where there are fewer), or ranges 0-3:cpu,4-7:cpu:1.",
            HelpName = "DEVICES",
            DefaultValueFactory = _ => "cpu",
        };
        var chunk = new Option<int>("--prefill-chunk")
        {
            Description = "Rows of a prefill that run together; golden prompts are short, so that a small number cuts them in many chunks. 0: in one piece.",
            HelpName = "ROWS",
            DefaultValueFactory = _ => new EngineOptions().PrefillChunk,
        };
        chunk.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0)
            {
                result.AddError("--prefill-chunk must not be negative");
            }
        });
        var warm = new Option<bool>("--warm") { Description = "Run each case also behind another question about its image, beginning with what is kept of that one." };
        var type = new Option<ComputeType?>("--type")
        {
            Description = "Arithmetic: float32, bfloat16 (bf16) or float16 (fp16). Default: float32 on CPUs, bfloat16 on GPUs. In 16 bits results may differ as far as rounding does, another choice must be "
                + "as good within that, and a last line tells how many choices agree; on CPUs the rounding of such a GPU is imitated.",
            HelpName = "TYPE",
            CustomParser = Parsers.Arithmetic,
        };
        var weights = new Option<string>("--weights")
        {
            Description = "Bits of weights: float32 (none are rounded), int8 or int4, with tolerances of their own.",
            HelpName = "BITS",
            DefaultValueFactory = _ => "float32",
        };
        weights.AcceptOnlyFromAmong("float32", "int8", "int4");
        var compact = new Option<bool>("--compact") { Description = "One line per case, with the quantity nearest to its tolerance." };
        var command = new Command("verify", "Runs golden cases through the real graphs, runtime, guidance and staged pruning, and compares every quantity.")
        {
            folder, placement, type, weights, chunk, warm, compact,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            var path = result.GetValue(folder)!;
            if (!Directory.Exists(path))
            {
                throw new CliException(File.Exists(path) ? $"'{path}' is a file, not a folder of golden cases" : $"there is no folder '{path}'");
            }

            var verifier = GoldenVerifier.Open(path);
            var view = new VerificationView(terminal, result.GetValue(compact));
            var options = new VerificationOptions
            {
                Placement = result.GetValue(placement)!,
                PrefillChunk = result.GetValue(chunk),
                Warm = result.GetValue(warm),
                Type = result.GetValue(type),
                Weights = Enum.Parse<WeightPrecision>(result.GetValue(weights)!, ignoreCase: true),
            };
            await foreach (var report in verifier.RunAsync(options, cancellationToken))
            {
                view.Show(report);
            }

            return view.Finish() ? ExitCodes.Success : ExitCodes.Failed;
        });
        return command;
    }
}
