using Sgl.Models; using Sgl.Text;
namespace Sgl.Inference;
internal static class Shim { extension(Checkpoint c) { public IPromptTemplate? Template => null; public ITokenizer? Tokenizer => null; public string? TokenizerDigest => null; } }
