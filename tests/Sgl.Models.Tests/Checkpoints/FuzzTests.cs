using System.Text;
using CsCheck;
using Sgl.TestKit;

namespace Sgl.Models.Tests.Checkpoints;

/// <summary>Mutated files end in <see cref="CheckpointException"/> or in a checkpoint that can be used, never in anything else.</summary>
public sealed class FuzzTests
{
    private const string Header = """
        {"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]},"c":{"dtype":"F16","shape":[],"data_offsets":[22,24]}}
        """;

    /// <summary>Changes of a byte sequence: overwrite, delete, insert, duplicate a run.</summary>
    private static readonly Gen<(int Kind, double Place, byte Value, int Length)[]> Mutations =
        Gen.Select(Gen.Int[0, 4], Gen.Double.Unit, Gen.Byte, Gen.Int[1, 12]).Array[1, 6];

    private static readonly string[] Tokens =
    [
        "-1", "0", "1e400", "1e-400", "9223372036854775808", "null", "true", "\"\"", "[]", "{}", "\"\\ud800\"", "3.5", "NaN", "[[]]", "2147483647", "[1,2,3]",
    ];

    private static readonly Gen<string> AnyToken = Gen.Int[0, Tokens.Length - 1].Select(i => Tokens[i]);

    [Fact]
    public void OpenWeights_MutatedFile_OnlyCheckpointException()
    {
        var json = Encoding.UTF8.GetBytes(Header.Trim());
        byte[] file = [.. BitConverter.GetBytes((ulong)json.Length), .. json, .. new byte[24]];
        using var folder = new TestFolder();
        var opened = 0;
        Mutations.Sample(mutations =>
        {
            File.WriteAllBytes(folder.File("model.safetensors"), Mutate(file, mutations));
            try
            {
                using var store = TensorStore.Open(folder.Path);
                foreach (var entry in store.Entries)
                {
                    Assert.Equal(entry.ByteLength, store.Bytes(entry).Length);
                    var sum = 0;
                    foreach (var b in store.Bytes(entry))
                    {
                        sum += b;
                    }

                    Assert.InRange(sum, 0, int.MaxValue);
                }

                opened++;
            }
            catch (CheckpointException e)
            {
                Assert.NotEmpty(e.Problems);
            }
        }, iter: 2000, threads: 1);
        Assert.NotEqual(0, opened);
    }

    [Fact]
    public void OpenWeights_HeaderWithExchangedValues_OnlyCheckpointException()
    {
        using var folder = new TestFolder();
        Gen.Select(Gen.Double.Unit, AnyToken, Gen.Int[0, 40]).Sample((place, token, data) =>
        {
            folder.Raw("model.safetensors", Exchange(Header.Trim(), place, token), data);
            Try(() => TensorStore.Open(folder.Path).Dispose());
        }, iter: 1000, threads: 1);
    }

    [Theory]
    [InlineData("internvl")]
    [InlineData("qwen2vl")]
    [InlineData("Qwen2.5-VL-7B")]
    [InlineData("Qwen3-VL-8B")]
    [InlineData("llavaov")]
    [InlineData("original")]
    public void OpenConfig_ExchangedValues_OnlyCheckpointException(string family)
    {
        var config = family switch
        {
            "internvl" => RealConfigs.InternVl2_4B,
            "qwen2vl" => RealConfigs.Qwen2Vl_2B,
            "Qwen2.5-VL-7B" or "Qwen3-VL-8B" => QwenCheckpoints.Describe(family).Config,
            "llavaov" => RealConfigs.LlavaOv_05B,
            _ => RealConfigs.LlavaOv_05B_Original,
        };
        using var folder = new TestFolder();
        folder.Weights("model.safetensors", [("a", [1])]);
        Gen.Select(Gen.Double.Unit, AnyToken, Gen.Double.Unit, AnyToken).Sample((place, token, other, otherToken) =>
        {
            folder.Text("config.json", Exchange(Exchange(config, place, token), other, otherToken));
            Try(() => Checkpoint.Open(folder.Path).Dispose());
        }, iter: 400, threads: 1);
    }

    [Fact]
    public void OpenConfig_MutatedBytes_OnlyCheckpointException()
    {
        using var folder = new TinyFolder().Write();
        var config = File.ReadAllBytes(folder.Files.File("config.json"));
        var opened = 0;
        Mutations.Sample(mutations =>
        {
            File.WriteAllBytes(folder.Files.File("config.json"), Mutate(config, mutations));
            Try(() =>
            {
                folder.Open().Dispose();
                opened++;
            });
        }, iter: 1500, threads: 1);
        Assert.NotEqual(0, opened);
    }

    [Fact]
    public void OpenIndex_MutatedBytes_OnlyCheckpointException()
    {
        using var folder = new TinyFolder();
        folder.Files.Json("config.json", folder.Config).Sharded(folder.Tensors, 4000);
        var index = File.ReadAllBytes(folder.Files.File("model.safetensors.index.json"));
        Mutations.Sample(mutations =>
        {
            File.WriteAllBytes(folder.Files.File("model.safetensors.index.json"), Mutate(index, mutations));
            Try(() => folder.Open().Dispose());
        }, iter: 500, threads: 1);
    }

    private static void Try(Action open)
    {
        try
        {
            open();
        }
        catch (CheckpointException e)
        {
            Assert.NotEmpty(e.Problems);
            Assert.All(e.Problems, p => Assert.False(string.IsNullOrEmpty(p.File) || string.IsNullOrEmpty(p.Expected) || string.IsNullOrEmpty(p.Found)));
        }
    }

    private static byte[] Mutate(byte[] original, (int Kind, double Place, byte Value, int Length)[] mutations)
    {
        var bytes = original.ToList();
        foreach (var (kind, place, value, length) in mutations)
        {
            if (bytes.Count == 0)
            {
                break;
            }

            var index = (int)(place * (bytes.Count - 1));
            var count = Math.Min(length, bytes.Count - index);
            switch (kind)
            {
                case 0:
                    bytes[index] = value;
                    break;
                case 1:
                    bytes.RemoveRange(index, count);
                    break;
                case 2:
                    bytes.Insert(index, value);
                    break;
                case 3:
                    bytes.InsertRange(index, bytes.GetRange(index, count));
                    break;
                default:
                    bytes[index] ^= (byte)(1 << (value & 7));
                    break;
            }
        }

        return [.. bytes];
    }

    /// <summary>Puts another token in the place of one scalar value of a JSON text.</summary>
    private static string Exchange(string json, double place, string token)
    {
        var starts = new List<int>();
        for (var i = 0; i < json.Length - 1; i++)
        {
            if (json[i] is ':' or '[' && json[i + 1] is not ('{' or '[' or ']'))
            {
                starts.Add(i + 1);
            }
        }

        var start = starts[(int)(place * (starts.Count - 1))];
        var end = json.AsSpan(start).IndexOfAny(",}]");
        return json[start] == '"'
            ? json[..start] + token + json[(json.IndexOf('"', start + 1) + 1)..]
            : json[..start] + token + json[(start + end)..];
    }
}
